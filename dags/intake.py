"""Every midnight UTC: what lies in the landing folder goes into tables.

run_date is the day that ended. Files of that day which come later are taken in the night after: late rows rebuild their date.
"""

from airflow.sdk import DAG  # Airflow parses only files that hold the words airflow and dag
from schedules import INTAKE, daily_dag

intake: DAG = daily_dag(INTAKE, cron="0 0 * * *", doc_md=__doc__)
