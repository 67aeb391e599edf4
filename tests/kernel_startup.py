"""What the kernels of `make test` run first: figure_check.watch, and no name is left behind."""


def _start() -> None:
    import importlib.util
    import sys
    from pathlib import Path

    path = Path(__file__).with_name("figure_check.py")
    # IPython puts this folder on the path meanwhile. Two folders in it are named like packages.
    sys.path[:] = [folder for folder in sys.path if folder != str(path.parent)]
    spec = importlib.util.spec_from_file_location("figure_check", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.watch()


_start()
del _start
