"""focus-export: runs the ai_focus dbt project and hands out its FOCUS datasets."""
