import ast
from pathlib import Path
from typing import get_args

import pytest

import summtune
from summtune import registry

PLUGINS = [(folder, name) for folder in get_args(registry.Folder) for name in registry.names(folder)]


def test_each_folder_has_plugins() -> None:
    assert {folder for folder, _ in PLUGINS} == set(get_args(registry.Folder))


@pytest.mark.parametrize(("folder", "name"), PLUGINS)
def test_a_plugins_head_loads_neither_torch_nor_ray(folder: registry.Folder, name: str) -> None:
    module = registry.load(folder, name)
    assert module.__doc__
    assert module.__file__
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    heads = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    roots = {alias.name.split(".")[0] for node in heads if isinstance(node, ast.Import) for alias in node.names}
    roots |= {(node.module or "").split(".")[0] for node in heads if isinstance(node, ast.ImportFrom)}
    assert not roots & {"torch", "transformers", "ray", "datasets", "evaluate"}


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"search.methods has no 'bayse'; it has .*bayes.*grid"):
        registry.load("search.methods", "bayse")


def test_packages_listed_for_the_wheel_are_all_packages() -> None:
    import configparser

    root = Path(summtune.__file__).parent
    setup = configparser.ConfigParser()
    setup.read(root.parent / "setup.cfg", encoding="utf-8")
    listed = {line for line in setup["options"]["packages"].split() if not line.startswith("summtune.shipped")}
    there = {
        ".".join(folder.relative_to(root.parent).parts)
        for folder in [root, *root.rglob("*")]
        if folder.is_dir() and any(folder.glob("*.py"))
    }
    there |= {"summtune.presets", "summtune.reporting.templates"}
    assert listed == there
