"""Data for fits: loaders, frames, and handwritten digits to try things on.

    from ppc.data.loaders import CsvLoader
    from ppc.data.digits import load_data

InferPy's `inferpy.data` is this package: its programs change the import.
"""

from ppc.data.loaders import CsvLoader as CsvLoader
from ppc.data.loaders import DataLoader as DataLoader
from ppc.data.loaders import SampleDictLoader as SampleDictLoader
