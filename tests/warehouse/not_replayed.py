"""What replay can't prove, and why: it runs on the emulators every time.

An entry that isn't needed any more fails test_replay.py.
"""

WIDE = "DuckDB's decimals have 38 digits, BigQuery's 76"

# dialect -> model -> why its rows in the demo are not compared
MODELS: dict[str, dict[str, str]] = {
    "snowflake": {},
    "bigquery": {
        "int_charge_inputs": "FARM_FINGERPRINT is no function of DuckDB",
        "int_charges_daily": "its ids hash texts of timestamps, which DuckDB writes with a zone",
        "int_charges_monthly": "its ids hash texts of timestamps, which DuckDB writes with a zone",
        "stg_litellm__usage": "a member of a JSON list is text, which DuckDB takes for JSON",
    },
}

# dialect -> unit test -> why
UNIT_TESTS: dict[str, dict[str, str]] = {
    "snowflake": {},
    "bigquery": {
        "a_cost_is_price_times_quantity_to_the_last_digit": WIDE,
        "a_unit_carries_no_number_because_the_quantity_is_multiplied_out": WIDE,
        "further_x_cost_headers_become_tags_and_no_other_header_does": (
            "DuckDB finds no key by a path with quotes"
        ),
        "request_tags_are_tags_and_spend_logs_metadata_has_a_prefix": (
            "DuckDB refuses to read an object as an array, in place of giving nothing"
        ),
        "tags_are_read_in_json_within_json": (
            "DuckDB refuses to read a text as an array, in place of giving nothing"
        ),
        "spend_needs_an_amount_and_has_no_quantity_while_usage_may_have_both": WIDE,
    },
}
