"""Which targets there are, and what the environment must hold for them. Nothing connects here."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

from exporter.errors import UserError
from exporter.project import Project

DUCKDB = "duckdb"
WAREHOUSES = ("snowflake", "bigquery")

# what profiles.yml has no sensible default for; of alternatives one must be set
_NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "snowflake": (
        ("SNOWFLAKE_ACCOUNT",),
        ("SNOWFLAKE_USER",),
        (
            "SNOWFLAKE_PASSWORD",
            "SNOWFLAKE_PRIVATE_KEY_PATH",
            "SNOWFLAKE_PRIVATE_KEY",
            "SNOWFLAKE_AUTHENTICATOR",
        ),
    ),
    "bigquery": (("BIGQUERY_PROJECT",),),
}
_NEEDED_BY_METHOD = {"service-account": "BIGQUERY_KEYFILE", "oauth-secrets": "BIGQUERY_TOKEN"}


_SECRETS = (
    "SNOWFLAKE_PASSWORD",
    "SNOWFLAKE_PRIVATE_KEY",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE",
    "SNOWFLAKE_TOKEN",
    "BIGQUERY_TOKEN",
)


def hide_secrets(text: str) -> str:
    """Take the values of secret settings out of what a driver says, before it is logged."""
    for name in _SECRETS:
        # a key has lines, of which what is said of it makes blanks
        parts = [re.escape(part) for part in os.environ.get(name, "").split()]
        if parts:
            secret = r"\s*".join(parts)
            text = re.sub(rf"(?<!\w){secret}(?!\w)", "***", text)
    return text


def shorten(text: str) -> str:
    """Give what a driver says in one line of 300 characters at most, without secrets."""
    return hide_secrets(" ".join(text.split()))[:300]


def has_own_profiles() -> bool:
    """Tell whether the user brings a profiles.yml, with targets of any name."""
    return bool(os.environ.get("DBT_PROFILES_DIR"))


def profiles_folder(project: Project) -> Path:
    """Give the folder of the profiles.yml that a warehouse is opened with."""
    return Path(os.environ.get("DBT_PROFILES_DIR") or project.path).absolute()


def check_name(target: str) -> None:
    """Refuse a target that no profile can have; raises UserError."""
    if target != DUCKDB and target not in WAREHOUSES and not has_own_profiles():
        raise UserError(
            f"There is no target '{target}': choose {DUCKDB}, {' or '.join(WAREHOUSES)}, "
            "or name your own profiles.yml with DBT_PROFILES_DIR."
        )


def check_adapter(target: str) -> None:
    """Refuse a warehouse whose extra is not installed; raises UserError."""
    if target in WAREHOUSES and not _is_installed(f"dbt.adapters.{target}"):
        raise UserError(
            f"dbt has no adapter for {target} here: run `pip install 'ai-focus[{target}]'`."
        )


def missing_settings(target: str) -> list[str]:
    """Name the environment variables that the project's own profile lacks, alternatives as one."""
    if has_own_profiles():
        return []
    needed = list(_NEEDED.get(target, ()))
    method = os.environ.get("BIGQUERY_METHOD", "")
    if target == "bigquery" and method in _NEEDED_BY_METHOD:
        needed.append((_NEEDED_BY_METHOD[method],))
    return [
        " or ".join(names) for names in needed if not any(os.environ.get(name) for name in names)
    ]


def check_settings(target: str) -> None:
    """Refuse a warehouse that the environment says too little of; raises UserError."""
    missing = missing_settings(target)
    if missing:
        raise UserError(
            f"The target {target} needs {', '.join(missing)} in the environment: set "
            f"{'it' if len(missing) == 1 else 'them'}, or name your own profiles.yml with "
            "DBT_PROFILES_DIR."
        )


def check_warehouse(target: str) -> None:
    """Refuse a warehouse that can't be opened for want of a name, an extra or a setting."""
    check_name(target)
    check_adapter(target)
    check_settings(target)


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
