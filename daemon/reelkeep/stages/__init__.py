"""The pipeline, one stage a module: poll, dispatch, fetch, record, publish, acknowledge."""
