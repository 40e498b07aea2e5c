"""Under construction in this order: pipeline, replay, app, cli."""
