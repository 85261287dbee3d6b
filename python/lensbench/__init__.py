"""Archives of lensbench, and its runs, in Python and notebooks.

>>> import lensbench
>>> archive = lensbench.run("logit_lens", model="models/kjv-gpt2",  # doctest: +SKIP
...                         prompts=["In the beginning"], top_k=5)
>>> archive.verify()                                                 # doctest: +SKIP
>>> archive.results["logit_lens"].lensbench.case("prompt-1").entropy  # doctest: +SKIP
"""

from lensbench._archive import Archive, Results, open
from lensbench._cases import CaseAccessor
from lensbench._command import Page
from lensbench._errors import (ArchiveError, CommandError, DamagedArchiveError, LensbenchError, LensbenchWarning,
                               UnknownNameError)
from lensbench._run import run

__version__ = "1.0.0"  # that of lensbench itself; a test compares them
__all__ = ["Archive", "ArchiveError", "CaseAccessor", "CommandError", "DamagedArchiveError", "LensbenchError",
           "LensbenchWarning", "Page", "Results", "UnknownNameError", "__version__", "open", "run"]
