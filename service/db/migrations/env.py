"""Alembic environment: migrations run on the connection handed in by `schema.migrate`."""

from alembic import context

from service.db import tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.Base.metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
