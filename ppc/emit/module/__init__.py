"""Programs as text: what every backend prints alike, and where it asks a dialect."""
