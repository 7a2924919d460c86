"""Processes that tests kill: forked from one that has their modules loaded, which saves seconds each time."""

import multiprocessing

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["service.cli", "tests.workflows.conftest", "tests.archive.writer"])
