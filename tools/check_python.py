"""Says clearly when this Python cannot build the course's environment. Must run on any Python 3."""

import sys

if sys.version_info < (3, 11):
    found = "%d.%d" % sys.version_info[:2]
    sys.exit("The course needs Python 3.11 or newer; %s is Python %s." % (sys.executable, found))

try:
    import ensurepip  # noqa: F401  (Debian and Ubuntu ship it apart)
    import venv  # noqa: F401
except ImportError:
    sys.exit("%s lacks venv. On Debian and Ubuntu: sudo apt install python3-venv" % sys.executable)
