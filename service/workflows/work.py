"""The table of background work: task name of a job row → the workflow function that does it."""

from collections.abc import Mapping

from service.workflows import (
    campaigning,
    gallery,
    lasting,
    letters,
    lists,
    parcels,
    preparing,
    sealing,
    steps,
    upload_work,
)
from service.workflows.jobs import Work
from service.workflows.todo import notices, tasks

TASKS: Mapping[str, Work] = {
    "list": lists.render,
    "approved_list": lists.render,
    "render": letters.render,
    "stamp": steps.stamp,
    "archive": steps.archive,
    "draw": gallery.draw_ahead,
    "complete": lasting.complete,
    "extend": lasting.extend,
    "renew": lasting.renew,
    "read_upload": upload_work.read,
    "apply_upload": upload_work.apply,
    "foresee": campaigning.foresee,
    "plan_unit": campaigning.draw_up,
    "prepare_seals": sealing.prepare_all,
    "prepare_signatures": preparing.prepare,
    "parcel": parcels.make,
    "todo": tasks.follow,
    "notify": notices.send,
    "tell_change": notices.tell_change,
}
