"""What a running deployment does by the clock: each duty looks whether it is due; repeating it is harmless."""

from collections.abc import Callable

import structlog

from service.errors import ServiceError
from service.workflows import (
    anchoring,
    authority,
    certificates,
    disposal,
    gallery,
    generations,
    lasting,
    parcels,
    rosters,
    uploads,
    witnessing,
)
from service.workflows.access import repeating, trail
from service.workflows.parts import Parts
from service.workflows.todo import reminders, tasks

_log = structlog.get_logger("liangze.periodic")


def ask_witnesses(parts: Parts) -> None:
    """Ask those witnesses that have not cosigned the newest checkpoint."""
    witnessing.ask(parts, only_behind=True)


def cease_certificates(parts: Parts) -> None:
    """Revoke what persons hold who have left office."""
    certificates.cease_left(parts)


def renew_certificates(parts: Parts) -> None:
    """Renew the closed CA's certificates before they expire."""
    certificates.renew_due(parts)


def issue_crls(parts: Parts) -> None:
    """Issue the day's revocation lists, or new ones where something was revoked since."""
    with parts.sessions.begin() as session:
        authority.current_crls(parts, session, parts.clock())


def extend_letters(parts: Parts) -> None:
    """At the end of the day, let letters that wait for their leader carry what proves their signatures."""
    lasting.ask_extensions(parts)


def renew_timestamps(parts: Parts) -> None:
    """Renew the document timestamps that weaken within a year."""
    lasting.ask_renewals(parts)


def watch_authorities(parts: Parts) -> None:
    """Warn while an own CA should be followed by its next generation, which only a person decides on."""
    for use in generations.due(parts):
        _log.warning("authority_due", use=use, command="liangze cert succeed")


def log_acts(parts: Parts) -> None:
    """Put the digest of yesterday's audit trail into the log."""
    trail.daily(parts)


def keep_tasks(parts: Parts) -> None:
    """Bring signers' tasks in step with the registry: posts change hands, people leave."""
    tasks.keep(parts)


def remind_signers(parts: Parts) -> None:
    """Remind whom the campaigns' rules name today."""
    reminders.by_rule(parts)


def forget_requests(parts: Parts) -> None:
    """Remove the answers of yesterday's requests."""
    repeating.purge(parts)


DUTIES: tuple[Callable[[Parts], None], ...] = (
    disposal.finish,
    rosters.daily,
    log_acts,
    forget_requests,
    anchoring.daily,
    ask_witnesses,
    cease_certificates,
    renew_certificates,
    issue_crls,
    extend_letters,
    renew_timestamps,
    watch_authorities,
    uploads.tidy,
    parcels.tidy,
    gallery.tidy,
    keep_tasks,
    remind_signers,
)


def run(parts: Parts) -> None:
    """Do every duty that is due; a fault of one is logged and keeps no other from its turn."""
    for duty in DUTIES:
        try:
            duty(parts)
        except ServiceError as error:
            _log.warning("duty_fault", duty=duty.__name__, code=error.code)
        except Exception:  # the loop of the service: a duty that breaks must not stop the others
            _log.exception("duty_broken", duty=duty.__name__)
