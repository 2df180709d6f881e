"""Every mistake that a user can make, with its words. No message text stands elsewhere."""

from ppc.diagnostics.base import CompileError as CompileError
from ppc.diagnostics.base import DataError as DataError
from ppc.diagnostics.base import InternalError as InternalError
from ppc.diagnostics.base import KindError as KindError
from ppc.diagnostics.base import Mistake as Mistake
from ppc.diagnostics.base import PpcError as PpcError
from ppc.diagnostics.base import QueryError as QueryError
from ppc.diagnostics.base import StateError as StateError
from ppc.diagnostics.command import UnknownBackend as UnknownBackend
