"""The frontend: Python source to a typed model graph. Files are read, never run."""

from ppc_frontend.api import Compiled as Compiled
from ppc_frontend.api import ModelInfo as ModelInfo
from ppc_frontend.api import compile_file as compile_file
from ppc_frontend.api import compile_function as compile_function
from ppc_frontend.api import compile_source as compile_source
from ppc_frontend.api import models_in as models_in
