"""Every row: one for each distribution of the registry."""

import count_rows
import distribution_rows
import positive_rows
import pushed_rows
import shaped_rows
import vector_rows

ROWS = (
    *distribution_rows.ROWS,
    *positive_rows.ROWS,
    *count_rows.ROWS,
    *vector_rows.ROWS,
    *shaped_rows.ROWS,
    *pushed_rows.ROWS,
)
