"""What the kernels of `make test` run first: figure_check.watch, and no name is left behind."""


def _start() -> None:
    import importlib.util
    from pathlib import Path

    path = Path(__file__).with_name("figure_check.py")
    spec = importlib.util.spec_from_file_location("figure_check", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.watch()


_start()
del _start
