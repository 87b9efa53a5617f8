"""Writers run before readers, in every DAG."""

from __future__ import annotations

import pytest

from conf.lineage import does_without
from conf.pipeline import BY_NAME, DAILY, JOBS

pytestmark = pytest.mark.xdist_group("airflow")


def upstream(dag, task_id):
    return dag.get_task(task_id).get_flat_relative_ids(upstream=True)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_what_a_job_reads_was_written_before(schedules, job):
    dag = next(dag for dag in schedules.values() if job.name in dag.task_ids)
    wanted = {
        read.table.name for read in job.reads if read.rows not in ("last_week", "past_weeks") and read.table.scope != "book"
    } | {*job.uses, *job.may_use}
    before = JOBS[: JOBS.index(job)]
    writers = {w.name for w in before if wanted & ({made.name for made in w.writes} | {w.trains})}
    assert writers & set(dag.task_ids) <= upstream(dag, job.name)
    # What another schedule writes is waited for.
    assert writers <= set(dag.task_ids) | {daily.name for daily in DAILY}
    if writers - set(dag.task_ids):
        assert "week_taken_in" in upstream(dag, job.name)


def test_a_task_waits_only_for_what_it_needs(schedules):
    # One trainer does not wait for the other, and the evaluation of last week's lists does not wait for this week's.
    weekly = schedules["discover_weekly"]
    assert upstream(weekly, "train_popularity") == {"week_taken_in", "build_histories"}
    assert upstream(weekly, "evaluate") == {"week_taken_in"}


def test_publishing_is_the_last_word_on_the_lists(schedules):
    leaves = {task.task_id for task in schedules["discover_weekly"].tasks if not task.downstream_task_ids}
    assert leaves == {"publish_discover_weekly", "publish_listener_features", "evaluate"}
    # An all_done leaf would turn a failed run into a success. `none_failed` waits for all, and lets only what was skipped pass.
    rules = {task.task_id: task.trigger_rule for dag in schedules.values() for task in dag.tasks}
    assert {name for name, rule in rules.items() if rule != "all_success"} == {job.name for job in JOBS if does_without(job)}
    assert rules["train_content"] == "none_failed", "a week whose files nobody could hear has words all the same"
    assert set(rules.values()) == {"all_success", "none_failed"}


def test_ledgers_make_no_circle(schedules):
    # Both intakes keep landing_files, each its own rows: the catalogue goes first and waits for nothing.
    for job in ("ingest_catalogue", "ingest_listens"):
        assert "landing_files" in {read.table.name for read in BY_NAME[job].reads} & {t.name for t in BY_NAME[job].writes}
    assert upstream(schedules["intake"], "ingest_catalogue") == set()
