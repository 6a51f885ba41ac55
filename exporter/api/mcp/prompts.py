"""The prompts of the MCP server: questions that are asked each month."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date

from exporter.api.mcp.offer import Prompt
from exporter.api.problems import invalid


def _ask_for_month(given: Mapping[str, str]) -> str:
    month = given.get("month", "")
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month, re.ASCII) or month > "9998":
        raise invalid("month", "write a month as YYYY-MM")
    start = date.fromisoformat(f"{month}-01")
    end = date(start.year + start.month // 12, start.month % 12 + 1, 1)
    whose, groups = "", "serviceName, modelId and subAccountId"
    if given.get("department"):
        whose = f", subAccountId {json.dumps(given['department'], ensure_ascii=False)}"
        groups = "serviceName and modelId"
    return (
        f"What did AI usage cost in {month}? Call summarizecostandusage with billingPeriodStart "
        f"{start}T00:00:00Z and billingPeriodEnd {end}T00:00:00Z{whose}, and take the sums from "
        "totals. Give BilledCost and EffectiveCost per currency, credits apart from usage, and "
        "never add currencies. Then ask the same again with groupBy, once for each of "
        f"{groups}, and name what cost most; where truncated is true, say that the smallest are "
        "not shown. Say which share of the calls has a price (coverage) and why the others have "
        "none. Do not estimate what the tools do not tell."
    )


def _ask_for_commitments(given: Mapping[str, str]) -> str:
    whose = ""
    if given.get("billingAccountId"):
        account = json.dumps(given["billingAccountId"], ensure_ascii=False)
        whose = f" with billingAccountId {account}"
    return (
        f"How do our commitments stand? Call listcontractcommitments{whose} and give for each its "
        "period, its amount and currency. Then call listcostandusage with chargeCategory Purchase "
        "to see what was bought, and say what is used and what stayed unused where the rows tell. "
        "Name commitments that end within 60 days. Never add amounts of different currencies."
    )


PROMPTS = (
    Prompt(
        name="monthly_cost",
        title="What a month cost",
        description="The cost of a billing month, credits apart, with what drove it.",
        arguments=(
            ("month", "The billing month, such as 2026-10.", True),
            ("department", "Only this department (SubAccountId).", False),
        ),
        write=_ask_for_month,
    ),
    Prompt(
        name="commitments",
        title="How commitments stand",
        description="Contract commitments, and what of them was bought, used and left unused.",
        arguments=(("billingAccountId", "Only this billing account.", False),),
        write=_ask_for_commitments,
    ),
)
