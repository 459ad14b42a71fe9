from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from router.config import ConfigError, parse_config
from router.errors import OperatorError
from router.plugin import API_VERSION
from router.registry import Registry
from router.slow_import import telling_of_slow_import

PACKAGE = """
from router.plugin import Plugin, PluginSettings, hookimpl

PLUGIN = Plugin(slug="{slug}", name="Made up", settings=PluginSettings, endpoints=(), actions=(), api_version={api})

@hookimpl
def {hook}():
    return {answer}
"""

Install = Callable[..., Path]


def source_of(slug: str, *, api: int = API_VERSION, hook: str = "router_plugins", answer: str = "[PLUGIN]") -> str:
    return PACKAGE.format(slug=slug, api=api, hook=hook, answer=answer)


@pytest.fixture(autouse=True)
def _forget_modules() -> Iterator[None]:
    """What a test imports is gone after it."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("made_up"):
            del sys.modules[name]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """``install("made-up", "1.2", source)``: what pip leaves behind of a package with an entry point."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(name: str, version: str, source: str) -> Path:
        module = name.replace("-", "_")
        (site / f"{module}.py").write_text(source)
        info = site / f"{module}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[router.plugins]\n{module} = {module}\n")
        return site / f"{module}.py"

    return install


def _warnings_of(registry: Registry, name: str) -> list[str]:
    return [warning for warning in registry.warnings if warning.startswith(name)]


def test_an_installed_package_is_found_with_its_name_and_version(install: Install) -> None:
    install("made-up-one", "1.2", source_of("made_up"))

    registry = Registry.load()

    assert registry.get("made_up").name == "Made up"
    assert "made_up" in registry
    assert {each.plugin.slug: each.origin for each in registry}["made_up"] == "made-up-one 1.2"


def test_the_built_in_plugins_come_in_through_the_same_door() -> None:
    origins = {each.origin for each in Registry.load()}

    assert any(origin.startswith("trait-router ") for origin in origins)


def test_plugins_come_in_the_order_of_their_slugs(install: Install) -> None:
    install("made-up-one", "1", source_of("zz_made_up"))
    install("made-up-two", "1", source_of("aa_made_up"))

    slugs = [each.plugin.slug for each in Registry.load()]

    assert slugs == sorted(slugs)
    assert {"aa_made_up", "zz_made_up"} <= set(slugs)


def test_two_packages_with_one_slug_stop_the_start_and_both_are_named(install: Install) -> None:
    install("made-up-one", "1.2", source_of("made_up"))
    install("made-up-two", "3.4", source_of("made_up"))

    with pytest.raises(OperatorError) as caught:
        Registry.load()

    assert str(caught.value) == (
        'plugin "made_up" comes from both made-up-one 1.2 and made-up-two 3.4; uninstall or rename one of them'
    )


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param("made up", "SyntaxError", id="broken"),
        pytest.param(source_of("made_up", hook="router_pluginz"), "unknown hook", id="an unknown hook"),
        pytest.param(source_of("made_up", api=0), "written for version 0", id="another version"),
        pytest.param(source_of("aa_made_up"), 'plugin "aa_made_up" comes from both', id="a slug of another"),
    ],
)
def test_promise_2_a_package_that_changes_while_the_router_runs_hinders_no_other(
    install: Install, changed: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that was started again ended because of it, whichever destinations it had. Mended, the package is loaded."""
    # Python knows compiled code by the file's second and its size, and both sources may have the same.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    install("made-up-one", "1", source_of("aa_made_up"))
    file = install("made-up-two", "1", changed)
    registry = Registry()

    registry.load_missing()

    [warning] = _warnings_of(registry, "made-up-two")
    assert told in warning
    plugin = registry.get("aa_made_up")
    file.write_text(source_of("made_up"))
    sys.modules.pop("made_up_two", None)
    registry.load_missing()
    assert _warnings_of(registry, "made-up-two") == []
    assert registry.get("made_up").name == "Made up"
    assert registry.get("aa_made_up") is plugin


def test_one_package_cannot_name_a_slug_twice(install: Install) -> None:
    install("made-up-one", "1", source_of("made_up", answer="[PLUGIN, __import__('dataclasses').replace(PLUGIN)]"))

    with pytest.raises(OperatorError, match="comes from both made-up-one 1 and made-up-one 1"):
        Registry.load()


def test_an_unknown_hook_stops_the_start_and_names_its_package(install: Install) -> None:
    install("made-up-one", "1.2", source_of("made_up", hook="router_pluginz"))

    with pytest.raises(
        OperatorError, match=r'^made-up-one 1\.2: unknown hook "router_pluginz"; this router has: router_plugins\.'
    ):
        Registry.load()


def test_a_hook_that_wants_more_than_it_is_given_stops_the_start(install: Install) -> None:
    install("made-up-one", "1.2", source_of("made_up").replace("router_plugins()", "router_plugins(config)"))

    with pytest.raises(OperatorError) as caught:
        Registry.load()

    assert str(caught.value) == (
        "made-up-one 1.2: router_plugins(config): it is called without arguments; take them out of its definition"
    )


def test_a_plugin_for_another_plugin_api_stops_the_start(install: Install) -> None:
    install("made-up-one", "1.2", source_of("made_up", api=API_VERSION + 1))

    with pytest.raises(OperatorError) as caught:
        Registry.load()

    assert str(caught.value) == (
        f'made-up-one 1.2: plugin "made_up" was written for version {API_VERSION + 1} of the plugin API, this router has '
        f"version {API_VERSION}; install a version of the package for it, or another router"
    )


@pytest.mark.parametrize("slug", ["", "Made_up", "made-up", "made up", "../made_up"])
def test_a_slug_that_could_not_be_a_folder_stops_the_start(install: Install, slug: str) -> None:
    install("made-up-one", "1", source_of(slug))

    with pytest.raises(OperatorError, match="expected lower-case letters, digits and underscores"):
        Registry.load()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import made_up_absent",
            "ModuleNotFoundError: No module named 'made_up_absent', at site/made_up_one.py:1 in <module>",
        ),
        ("raise SystemExit(3)", "SystemExit: 3, at site/made_up_one.py:1 in <module>"),
        ("x = (", "SyntaxError: '(' was never closed (made_up_one.py, line 1)"),
        ("", "no hook router_plugins; is it marked with @hookimpl?"),
        (source_of("made_up", answer="[]"), "router_plugins names no plugin"),
        (source_of("made_up", answer="['x']"), "router_plugins returned a str, expected Plugin objects"),
        (source_of("made_up", answer="3"), "router_plugins returned an int, expected a list of Plugin objects"),
        (source_of("made_up", answer="PLUGIN"), "router_plugins returned a Plugin, expected a list of Plugin objects"),
        (source_of("made_up", answer="'made_up'"), "router_plugins returned a str, expected a list of Plugin objects"),
        (
            source_of("made_up").replace("def router", "async def router"),
            "router_plugins returned a coroutine, expected a list of Plugin objects",
        ),
        (
            source_of("made_up", answer="1 / 0"),
            "router_plugins failed: ZeroDivisionError: division by zero, at site/made_up_one.py:8 in router_plugins",
        ),
    ],
    ids=["import", "exit", "syntax", "no hook", "no plugin", "no Plugin", "no list", "one Plugin", "a slug", "async", "raise"],
)  # fmt: skip
def test_a_broken_package_that_nobody_needs_is_a_warning(install: Install, source: str, reason: str) -> None:
    install("made-up-one", "1.2", source)
    install("made-up-two", "1", source_of("made_up_two"))

    registry = Registry.load()

    assert _warnings_of(registry, "made-up-one") == [f"made-up-one 1.2 could not be loaded: {reason}"]
    assert "made_up_two" in registry


@pytest.mark.parametrize("value", ["made-up-one", "made_up_one:PLUGIN", "made_up_one:router_plugins"])
def test_an_entry_point_that_names_no_module_is_told(install: Install, value: str) -> None:
    written = install("made-up-one", "1.2", source_of("made_up"))
    (written.parent / "made_up_one-1.2.dist-info/entry_points.txt").write_text(f"[router.plugins]\nmade_up = {value}\n")

    registry = Registry.load()

    assert _warnings_of(registry, "made-up-one") == [
        f'made-up-one 1.2 could not be loaded: its entry point says "{value}", expected the name of the module with the hook'
    ]


@pytest.mark.parametrize(
    "destination",
    [
        pytest.param("crm: {plugin: made_up_one}", id="named as the plugin"),
        pytest.param("made_up_one: {}", id="the destination's own name"),
    ],
)
def test_a_destination_of_a_broken_package_is_told_what_is_wrong_with_it(install: Install, destination: str) -> None:
    """The package is known by its entry point; a list of all plugins that are well would only hide the reason."""
    install("made-up-one", "1.2", "x = 1\nx.y")
    registry = Registry.load()
    told = (
        'plugin "made_up_one" of made-up-one 1.2 could not be loaded: '
        "AttributeError: 'int' object has no attribute 'y', at site/made_up_one.py:2 in <module>"
    )

    with pytest.raises(ConfigError) as caught:
        parse_config(f"sources: {{a: {{write_key: k}}}}\ndestinations: {{{destination}}}", registry, environ={})
    with pytest.raises(OperatorError) as unknown:
        registry.get("made_up_one")

    assert caught.value.problems[0].message == told
    assert str(unknown.value) == told


def test_a_broken_package_is_named_where_a_plugin_is_not_there(install: Install) -> None:
    """Its entry point may have another name than the plugin."""
    install("made-up-one", "1.2", "import made_up_absent")

    with pytest.raises(OperatorError) as caught:
        Registry.load().get("made_up")

    assert str(caught.value).startswith('unknown plugin "made_up"; ')
    assert "; could not be loaded: made-up-one 1.2 (ModuleNotFoundError: No module named 'made_up_absent'" in str(
        caught.value
    )


def test_an_unknown_slug_is_answered_with_the_nearest() -> None:
    registry = _registry_of("mixpanel", "intercom")

    with pytest.raises(OperatorError, match=r'^unknown plugin "mixpanle"; did you mean "mixpanel"\?$'):
        registry.get("mixpanle")
    with pytest.raises(OperatorError, match=r'^unknown plugin "zzz"; installed: intercom, mixpanel$'):
        registry.get("zzz")


def _registry_of(*slugs: str) -> Registry:
    plugins = []
    for slug in slugs:
        space: dict[str, object] = {}
        exec(source_of(slug), space)
        plugins.append(space["PLUGIN"])
    return Registry(plugins)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin in a folder of the working directory, in two files that import each other both ways."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "own" / "made_up_folder"
    folder.mkdir(parents=True)
    (folder / "names.py").write_text("SLUG = 'made_up_folder'\n")
    (folder / "__init__.py").write_text(
        "from made_up_folder import names\nfrom .names import SLUG\nassert SLUG == names.SLUG\n"
        + source_of("made_up_folder")
    )
    return folder


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("./own/made_up_folder", "path ./own/made_up_folder"),
        ("own/made_up_folder/", "path own/made_up_folder/"),
        ("{folder}", "path {folder}"),
    ],
    ids=["relative", "slash", "absolute"],
)
def test_a_config_names_a_plugin_by_its_path(folder: Path, name: str, origin: str) -> None:
    registry = Registry()

    config = parse_config(
        f"sources: {{a: {{write_key: k}}}}\nplugins: ['{name.format(folder=folder)}']\ndestinations: {{made_up_folder: {{}}}}",
        registry,
        environ={},
    )

    assert config.destinations["made_up_folder"].plugin == "made_up_folder"
    assert [each.origin for each in registry] == [origin.format(folder=folder)]


def test_a_config_names_a_plugin_by_a_file_or_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made_up_file.py").write_text(source_of("made_up_file"))
    (tmp_path / "made_up_module.py").write_text(source_of("made_up_module"))
    monkeypatch.syspath_prepend(str(tmp_path))

    registry, problems = Registry().with_named([str(tmp_path / "made_up_file.py"), "made_up_module"])

    assert problems == []
    assert [each.origin for each in registry] == [f"path {tmp_path}/made_up_file.py", "module made_up_module"]


def test_a_name_that_leads_nowhere_is_left_out_and_told(folder: Path) -> None:
    (folder.parent / "made_up-x").mkdir()
    (folder.parent / "made_up-x" / "__init__.py").touch()
    (folder.parent / "json.py").touch()
    (folder.parent / "made_up_broken.py").write_text("1 / 0")
    names = [
        "./own",
        "./own/made_up-x",
        "./own/json.py",
        "./own/made_up_broken.py",
        "made_up_absent",
        "",
        "own/made_up_folder",
    ]

    registry, problems = Registry().with_named(names)

    own = folder.parent
    assert problems == [
        (0, f"no plugin at {own}: expected a folder with an __init__.py, or a .py file"),
        (1, "\"made_up-x\" can't be a module's name; rename it to letters, digits and underscores"),
        (2, f'another Python module is called "json"; rename {own}/json.py'),
        (
            3,
            "path ./own/made_up_broken.py could not be loaded: ZeroDivisionError: division by zero, "
            "at own/made_up_broken.py:1 in <module>",
        ),
        (4, "module made_up_absent could not be loaded: ModuleNotFoundError: No module named 'made_up_absent'"),
        (5, "module  could not be loaded: ValueError: Empty module name"),
    ]
    assert registry.slugs == ["made_up_folder"]


def test_a_plugin_that_moves_to_another_folder_needs_a_restart(folder: Path) -> None:
    """As with a folder for each release. It was told to take another name."""
    registry, _ = Registry().with_named(["own/made_up_folder"])
    folder.parent.rename(folder.parent.with_name("next"))

    _, problems = registry.with_named(["next/made_up_folder"])

    now = folder.parent.with_name("next") / "made_up_folder"
    assert problems == [
        (0, f'"made_up_folder" was loaded from {folder} and stays so until a restart; restart, or rename {now}')
    ]


def test_a_destination_is_not_told_that_its_plugin_is_unknown_where_one_could_not_be_loaded(folder: Path) -> None:
    """Nobody knows which plugins would have come of it; the nearest name of those that are there would lead astray."""
    (folder.parent / "made_up_broken.py").write_text("1 / 0")

    with pytest.raises(ConfigError) as caught:
        parse_config(
            "plugins: [./own/made_up_broken.py]\nsources: {a: {write_key: a}}\n"
            "destinations: {webhok: {}, crm: {plugin: webhok}}",
            Registry.load(),
        )

    hint = "it may be in what could not be loaded: ./own/made_up_broken.py"
    assert [problem.message for problem in caught.value.problems][1:] == [
        f'no plugin is called "webhok"; say which one with the key plugin; {hint}',
        f'unknown plugin "webhok"; {hint}',
    ]


def test_a_file_that_failed_is_tried_again_once_it_is_put_right(folder: Path) -> None:
    registry = Registry()
    good = (folder / "__init__.py").read_text()
    (folder / "__init__.py").write_text("from . import names\nbroken")
    assert registry.with_named([str(folder)])[1]

    (folder / "__init__.py").write_text(good + "# another size\n")

    assert registry.with_named([str(folder)])[1] == []


def test_a_named_plugin_cannot_take_the_slug_of_an_installed_one(folder: Path, install: Install) -> None:
    install("made-up-one", "1.2", source_of("made_up_folder"))

    _, problems = Registry.load().with_named([str(folder)])

    assert problems == [
        (
            0,
            f'plugin "made_up_folder" comes from both made-up-one 1.2 and path {folder}; uninstall or rename one of them',
        )
    ]


def test_a_folder_whose_package_is_installed_from_elsewhere_is_told_to_be_one_too_many(
    install: Install, tmp_path: Path
) -> None:
    """As with `pip install .` of a plugin whose config still names the folder it was made in."""
    install("made-up-one", "1.2", source_of("made_up"))
    folder = tmp_path / "made_up_one"
    folder.mkdir()
    (folder / "__init__.py").write_text(source_of("made_up"))

    _, problems = Registry.load().with_named([str(folder)])

    assert problems == [
        (0, f'"made_up_one" is installed already (made-up-one 1.2); take this out, or uninstall that to use {folder}')
    ]


def test_naming_an_installed_package_once_more_is_no_clash(install: Install) -> None:
    install("made-up-one", "1.2", source_of("made_up"))

    registry, problems = Registry.load().with_named(["made_up_one", "made_up_one"])

    assert problems == []
    assert {each.plugin.slug: each.origin for each in registry}["made_up"] == "made-up-one 1.2"


def test_a_config_that_is_refused_brings_no_plugin_in(folder: Path) -> None:
    registry = Registry()
    text = f"sources: {{a: {{write_key: k}}}}\nplugins: ['{folder}']\n"

    with pytest.raises(ConfigError):
        parse_config(text + "oops: 1", registry, environ={})
    assert len(registry) == 0

    parse_config(text, registry, environ={})
    assert registry.slugs == ["made_up_folder"]

    parse_config("sources: {a: {write_key: k}}", registry, environ={})
    assert registry.slugs == []


def test_a_hook_is_called_once_however_often_a_config_is_read(folder: Path) -> None:
    (folder / "__init__.py").write_text(
        source_of("made_up_folder", answer="CALLS.append(1) or [PLUGIN]") + "\nCALLS = []\n"
    )
    registry = Registry()
    for _ in range(3):
        parse_config(f"sources: {{a: {{write_key: k}}}}\nplugins: ['{folder}']", registry, environ={})

    assert sys.modules["made_up_folder"].CALLS == [1]


def test_an_import_that_takes_long_is_told_of_with_its_line(
    folder: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for a plugin's loop or for its network wants to know that, and where."""
    monkeypatch.setattr("router.registry.telling_of_slow_import", partial(telling_of_slow_import, slow_s=0.05))
    wait = (
        "import threading\nfor each in threading.enumerate():\n    isinstance(each, threading.Timer) and each.join()\n"
    )
    install("made-up-slow", "1.2", wait + source_of("made_up_slow"))
    (folder / "names.py").write_text(wait + "SLUG = 'made_up_folder'\n")

    with capture_logs() as told:
        Registry.load().with_named([str(folder)])

    ours = ("made-up-slow 1.2", str(folder))  # on a busy machine others may take long too
    assert [(each["package"], each["where"]) for each in told if each["package"] in ours] == [
        ("made-up-slow 1.2", "site/made_up_slow.py:3 in <module>"),
        (str(folder), "made_up_folder/names.py:3 in <module>"),
    ]
