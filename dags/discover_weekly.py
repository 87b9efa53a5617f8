"""Every Monday's lists, made on Sunday 02:00 UTC: the earliest Monday on earth starts on Sunday 10:00 UTC.

run_date is the Monday served. The lists of the Monday before are evaluated in the same run.
"""

from airflow.sdk import DAG  # Airflow parses only files that hold the words airflow and dag
from schedules import weekly_dag

discover_weekly: DAG = weekly_dag(
    "discover_weekly",
    cron="0 2 * * SUN",
    until=("publish_discover_weekly", "publish_listener_features", "evaluate"),
    doc_md=__doc__,
)
