"""The table of background work: task name of a job row → the workflow function that does it."""

from collections.abc import Mapping

from service.workflows import lasting, letters, lists, steps
from service.workflows.jobs import Work
from service.workflows.todo import notices, tasks

TASKS: Mapping[str, Work] = {
    "list": lists.render,
    "approved_list": lists.render,
    "render": letters.render,
    "stamp": steps.stamp,
    "archive": steps.archive,
    "complete": lasting.complete,
    "extend": lasting.extend,
    "renew": lasting.renew,
    "todo": tasks.follow,
    "notify": notices.send,
}
