"""Every command and where its body is. The bodies are imported when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cyclopts import App

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "serve": "hub.cli.running:serve",
    "work": "hub.cli.running:work",
    "web": "hub.cli.running:web",
    "edge run": "hub.cli.edge:run",
    "edge enroll": "hub.cli.edge:enroll",
    "edge status": "hub.cli.edge:status",
    "edge sync": "hub.cli.edge:sync",
    "edge renew": "hub.cli.edge:renew",
    "edge outbox": "hub.cli.edge:outbox",
    "edges ca": "hub.cli.enrolling:ca",
    "edges invite": "hub.cli.enrolling:invite",
    "edges revoke": "hub.cli.enrolling:revoke",
    "demo": "hub.cli.running:demo",
    "sandbox": "hub.cli.sandbox:sandbox",
    "play": "hub.cli.sandbox:play",
    "doctor": "hub.cli.doctor:doctor",
    "status": "hub.cli.doctor:status",
    "trust": "hub.cli.trust:trust",
    "coverage": "hub.cli.coverage:coverage",
    "queue list": "hub.cli.queues:list_",
    "queue lanes": "hub.cli.queues:lanes",
    "queue verify": "hub.cli.queues:verify",
    "transfer list": "hub.cli.transfers:list_",
    "transfer show": "hub.cli.transfers:show_",
    "transfer payload": "hub.cli.transfers:payload",
    "transfer journal": "hub.cli.transfers:journal",
    "transfer retry": "hub.cli.acting:retry",
    "transfer send-anyway": "hub.cli.acting:send_anyway",
    "transfer send-again": "hub.cli.acting:send_again",
    "transfer hold": "hub.cli.acting:hold",
    "transfer release": "hub.cli.acting:release",
    "transfer skip": "hub.cli.acting:skip",
    "transfer withdraw": "hub.cli.acting:withdraw",
    "transfer correct": "hub.cli.mending:correct",
    "transfer route": "hub.cli.mending:route",
    "message refused": "hub.cli.messages:refused",
    "dossier show": "hub.cli.dossiers:show_",
    "dossier import": "hub.cli.importing:import_",
    "dossier merge": "hub.cli.dossiers:merge",
    "document list": "hub.cli.documents:list_",
    "document show": "hub.cli.documents:show_",
    "document verify": "hub.cli.documents:verify",
    "evidence export": "hub.cli.evidence:export",
    "evidence verify": "hub.cli.evidence:verify",
    "evidence check": "hub.cli.evidence:check",
    "partner list": "hub.cli.partners:list_",
    "partner show": "hub.cli.partners:show_",
    "partner check": "hub.cli.partners:check",
    "partner validate": "hub.cli.partners:check",
    "partner new": "hub.cli.joining:new",
    "partner probe": "hub.cli.probing:probe",
    "partner pause": "hub.cli.partners:pause",
    "partner resume": "hub.cli.partners:resume",
    "partner distrust": "hub.cli.keys:distrust",
    "partner access": "hub.cli.access:access",
    "partner revoke": "hub.cli.access:revoke",
    "catalogue publish": "hub.cli.catalogues:publish",
    "catalogue list": "hub.cli.catalogues:list_",
    "catalogue show": "hub.cli.catalogues:show_",
    "catalogue diff": "hub.cli.catalogues:diff",
    "catalogue who": "hub.cli.catalogues:who",
    "figures show": "hub.cli.figures:show_",
    "figures dossiers": "hub.cli.figures:dossiers",
    "figures late": "hub.cli.figures:late",
    "figures propose": "hub.cli.figures:propose",
    "figures accept": "hub.cli.figures:accept",
    "figures publish": "hub.cli.figures:publish",
    "figures list": "hub.cli.figures:list_",
    "figures restate": "hub.cli.figures:restate",
    "figures export": "hub.cli.figures:export",
    "edges list": "hub.cli.edges:list_",
    "edges show": "hub.cli.edges:show_",
    "edges readmit": "hub.cli.edges:readmit",
    "edges versions": "hub.cli.edges:versions",
    "edges publish-version": "hub.cli.edges:publish_version",
    "edges succeed": "hub.cli.edges:succeed",
    "officer add": "hub.cli.officers:add",
    "officer list": "hub.cli.officers:list_",
    "officer disable": "hub.cli.officers:disable",
    "officer password": "hub.cli.officers:password",
    "reconcile run": "hub.cli.reconciling:run",
    "reconcile show": "hub.cli.reconciled:show_",
    "reconcile approve": "hub.cli.reconciled:approve",
    "reconcile sign": "hub.cli.reconciled:sign",
    "reconcile print": "hub.cli.reconciled:print_",
    "stage list": "hub.cli.stages:list_",
    "stage set": "hub.cli.stages:set_",
    "signatory list": "hub.cli.signatories:list_",
    "signatory may": "hub.cli.signatories:may",
    "mapping list": "hub.cli.mappings:list_",
    "mapping states": "hub.cli.spoken:states",
    "mapping try": "hub.cli.mappings:try_",
    "mapping replay": "hub.cli.mappings:replay",
    "mapping propose": "hub.cli.governing:propose",
    "mapping approve": "hub.cli.governing:approve",
    "registry refresh": "hub.cli.registries:refresh",
    "calendar due": "hub.cli.calendars:due_",
    "calendar show": "hub.cli.calendars:show_",
    "db status": "hub.cli.db:status",
    "db migrate": "hub.cli.db:migrate",
    "db backup": "hub.cli.db:backup",
    "db verify": "hub.cli.db:verify",
    "db restore": "hub.cli.db:restore",
    "db resume": "hub.cli.db:resume",
    "db move": "hub.cli.db:move",
    "db prune": "hub.cli.db:prune",
    "key list": "hub.cli.keys:list_",
    "key compromise": "hub.cli.keys:compromise",
    "key signed": "hub.cli.keys:signed",
    "key rotate-master": "hub.cli.db:rotate_master",
    "error list": "hub.cli.mistakes:list_",
    "error explain": "hub.cli.mistakes:explain",
    "version": "hub.cli.running:version",
}
ALONE = {"edges": "edges list"}
"""Groups whose name alone is a command."""
GROUPS = tuple(dict.fromkeys(name.split()[0] for name in COMMANDS if " " in name))


def build() -> App:
    """Make the parser. Help and errors are worded by ``help`` and ``usage``, so its own are switched off."""
    root = App(name="lienthong", help_flags=(), version_flags=(), help="")
    groups = {name: App(name=name, help_flags=(), version_flags=(), help="") for name in GROUPS}
    for group in groups.values():
        root.command(group)
    for name, body in COMMANDS.items():
        group_name, _, verb = name.rpartition(" ")
        app = groups[group_name] if group_name else root
        app.command(body, name=verb, help_flags=(), version_flags=(), help="")
    return root


def named(tokens: list[str]) -> str:
    """Return the command or group that the first words name; empty when they name none."""
    pair = " ".join(tokens[:2])
    if pair in COMMANDS:
        return pair
    return tokens[0] if tokens and (tokens[0] in COMMANDS or tokens[0] in GROUPS) else ""
