"""Builds the AI cost datasets every day; for Apache Airflow 3."""

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    dag_id="ai_focus",
    schedule="17 5 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    # every build prices all months anew: a missed day has nothing to be caught up with
    catchup=False,
    max_active_runs=1,
):
    BashOperator(
        task_id="run",
        bash_command="focus-export run --raw-dir /srv/ai-focus/raw --wait 3600 --quiet --strict",
        env={"AI_FOCUS_HOME": "/srv/ai-focus"},
        append_env=True,
        # for exit codes 4 and 5; another try changes nothing about 1, 2 and 3, and does no harm
        retries=2,
        retry_delay=timedelta(minutes=15),
        execution_timeout=timedelta(hours=6),
    )
