"""Run migrations on the connection that `catalog.schema` hands over."""

from __future__ import annotations

from alembic import context

from reelkeep.catalog.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter most things in place
    transactional_ddl=False,  # the caller's transaction holds it all
)
context.run_migrations()
