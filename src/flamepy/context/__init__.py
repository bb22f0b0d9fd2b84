"""Where the engine is and where packages go: `FlameContext`, `FlamePackage` and ``flame.yaml``.

::

    FlameContext(...)  ──►  locate: $FLAME_CONFIG, project, user folder  ──►  document: nodes ──► checked values
           │                                                                        (yaml is imported here only)
           └──  keyword arguments  >  environment variables  >  flame.yaml  >  defaults
"""

from flamepy.context.settings import FlameContext as FlameContext
from flamepy.context.settings import FlamePackage as FlamePackage

__all__ = ["FlameContext", "FlamePackage"]
