"""The frontend: Python source to a typed model graph. Files are read, never run."""

from ppc_frontend.api import Compiled as Compiled
from ppc_frontend.api import ModelInfo as ModelInfo
from ppc_frontend.api import compile_file as compile_file
from ppc_frontend.api import compile_function as compile_function
from ppc_frontend.api import compile_source as compile_source
from ppc_frontend.api import models_in as models_in
from ppc_frontend.filecalls import FileCalls as FileCalls
from ppc_frontend.filecalls import FitCall as FitCall
from ppc_frontend.filecalls import InferenceCall as InferenceCall
from ppc_frontend.filecalls import ModelCall as ModelCall
from ppc_frontend.filecalls import file_calls as file_calls
