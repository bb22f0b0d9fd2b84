"""``flmctl deploy``: pack an application, upload it, register it."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flamepy.cli.administering import cluster
from flamepy.cli.application_file import SHIMS, to_document
from flamepy.cli.cells import duration
from flamepy.cli.exits import polite, wrong_usage
from flamepy.cli.render import Output, show_data, show_lines
from flamepy.errors import ConfigError
from flamepy.model.snapshot import ApplicationRecord

if TYPE_CHECKING:
    from flamepy.cli.bundle import Bundle
    from flamepy.cli.survey import Target

_HASH_DIGITS = 16
_SUMMARY_LABEL = 14


class DeployOutput(str, Enum):
    """What ``flmctl deploy -o`` takes."""

    SUMMARY = "summary"
    YAML = "yaml"
    JSON = "json"


@polite
def deploy(  # noqa: PLR0913 - the options of a command are its arguments
    ctx: typer.Context,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Of the application.")],
    path: Annotated[
        Path, typer.Option("--application", metavar="PATH", help="A folder, a program, or an archive of one.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    output: Annotated[DeployOutput, typer.Option("--output", "-o", help="How to show it.")] = DeployOutput.SUMMARY,
    shim: Annotated[str, typer.Option("--shim", metavar="host|wasm", help="What runs it.")] = "host",
    image: Annotated[str, typer.Option("--image", help="Of a container.")] = "",
    description: Annotated[str, typer.Option("--description", help="For people.")] = "",
    label: Annotated[list[str] | None, typer.Option("--label", help="A tag; may be repeated.")] = None,
    command: Annotated[str, typer.Option("--command", help="What starts it; the one program in it if left out.")] = "",
    argument: Annotated[list[str] | None, typer.Option("--argument", help="Of the command; may be repeated.")] = None,
    env: Annotated[list[str] | None, typer.Option("--env", metavar="K=V", help="A variable; may be repeated.")] = None,
    working_directory: Annotated[str, typer.Option("--working-directory", help="Where it runs.")] = "",
    max_instances: Annotated[int, typer.Option("--max-instances", min=1, help="Executors at most.")] = 1_000_000,
    delay_release: Annotated[
        int, typer.Option("--delay-release", min=0, metavar="SECONDS", help="How long an idle executor stays.")
    ] = 60,
    installer: Annotated[str, typer.Option("--installer", help="python or binary; else as the files say.")] = "",
    schema_input: Annotated[str, typer.Option("--schema-input", help="JSON Schema of inputs, or @FILE.")] = "",
    schema_output: Annotated[str, typer.Option("--schema-output", help="The same of outputs.")] = "",
    schema_common_data: Annotated[str, typer.Option("--schema-common-data", help="The same of common data.")] = "",
) -> None:
    """Pack an application, upload it to the object cache or the package storage, and register it."""
    from flamepy.cli.bundle import make_bundle

    if shim.capitalize() not in SHIMS:
        wrong_usage(f"--shim is host or wasm, not {shim}")
    schemas = {"input": schema_input, "output": schema_output, "common_data": schema_common_data}
    application = ApplicationRecord(
        name=_checked(name),
        tags=tuple(label or ()),
        shim=shim.capitalize(),
        image=image,
        description=description,
        command=command,
        arguments=tuple(argument or ()),
        environments=tuple(_pair(each) for each in env or ()),
        working_directory=working_directory,
        max_instances=max_instances,
        delay_release=delay_release,
        installer=installer,
        schema=tuple((key, _schema(text)) for key, text in schemas.items() if text),
    )
    _deploy(ctx.obj, application, make_bundle(path), dry_run=dry_run, output=output)


def _deploy(
    target: Target, application: ApplicationRecord, bundle: Bundle, *, dry_run: bool, output: DeployOutput
) -> None:
    application = application._replace(
        command=application.command or bundle.program, installer=application.installer or bundle.installer
    )
    if not application.command:
        wrong_usage("say what starts it: --command; there is not exactly one program in bin/")
    label = f"{application.name}-{bundle.sha256[:_HASH_DIGITS]}"
    key = f"{application.name}/pkg/{label}{bundle.suffix}"
    with bundle.stream:
        if not dry_run:
            at = cluster(target)
            application = application._replace(url=_upload(target, key, label, bundle))
            at.register(application)
    _show(application, bundle, key, dry_run=dry_run, output=output)


def _upload(target: Target, key: str, label: str, bundle: Bundle) -> str:
    """Store the archive where packages go, and return where executors find it."""
    context = target.context()
    storage = context.package.storage if context.package else None
    if storage is None or storage.startswith(("grpc:", "grpcs:")):
        return cluster(target).upload(key, bundle.stream, bundle.size)
    from flamepy.packaging.storage.select import open_storage

    if bundle.suffix != ".tar.gz":
        raise ConfigError(f"the package storage {storage} takes .tar.gz only; pack it as that, or deploy its folder")
    place = open_storage(storage)
    place.upload(label, bundle.stream, bundle.size)
    return place.url_of(label)


def _show(application: ApplicationRecord, bundle: Bundle, key: str, *, dry_run: bool, output: DeployOutput) -> None:
    if output is not DeployOutput.SUMMARY:
        data: dict[str, Any] = to_document(application)
        if output is DeployOutput.JSON:
            facts = {"input_kind": bundle.kind, "object": key, "sha256": bundle.sha256, "size": bundle.size}
            data = {**data, **facts, "dry_run": dry_run}
        show_data(data, Output(output.value))
        return
    facts_shown = [
        ("Application", application.name),
        ("Input Kind", bundle.kind),
        ("Installer", application.installer),
        ("Command", application.command),
        ("Delay Release", duration(application.delay_release)),
        ("Arguments", " ".join(application.arguments) or "-"),
        ("Object", key),
        ("SHA256", bundle.sha256),
        ("URL", application.url or "-"),
        ("Dry Run", "true" if dry_run else "false"),
    ]
    show_lines(f"{label + ':':<{_SUMMARY_LABEL}} {value}" for label, value in facts_shown)


def _checked(name: str) -> str:
    from flamepy.packaging.build import check_name

    return check_name(name)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        wrong_usage(f"--env {text!r}: write NAME=VALUE")
    return name, value


def _schema(text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the schema {text[1:]} cannot be read: {error}") from error
