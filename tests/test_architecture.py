"""The house stands as docs/architecture.md draws it: a module imports only from those above it."""

import ast
from pathlib import Path

import seldsynth

# fmt: off
# fmt: off
ORDER = [
    "errors", "folders", "classes", "sphere", "config", "config_file", "metadata", "events",
    "media.stills", "media.decode", "media.encode",
    "assets", "plan", "planner",
    "render.colour", "render.projection", "render.textures", "render.compositor",
    "render.canvas", "render.tile", "render.scene",
    "batch", "workers", "run_log", "report.contact_sheet",
    "demo.sheet", "demo.things", "demo.pictures", "demo.furniture", "demo.room", "demo.scenes",
    "demo",
    "cli", "__main__",
]
# fmt: on


def test_modules_import_only_what_is_above_them() -> None:
    root = Path(seldsynth.__file__).parent
    for path in sorted(root.rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        if name in ("__init__", "media", "render", "report"):
            continue
        assert name in ORDER, f"{name} has no place in the order"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("seldsynth."):
                imported = (node.module or "").removeprefix("seldsynth.")
                assert ORDER.index(imported) < ORDER.index(name), f"{name} imports {imported}"
