"""The process executor: LocalStack's Lambda functions as local processes, without Docker.

LocalStack calls `plugin` -> `runtime_executor` (its interface, from its own threads), which hands over to
one `sandbox` per execution environment. All sandboxes live on one event loop (`event_loop`) in LocalStack.

    runtime_executor ── sandbox ──┬── function_process   the system's process, its memory, its end
                                  ├── runtime_api        what AWS's runtime asks for work and answers to
                                  ├── log_stream         the process's output as log events, in order
                                  │     └── log_delivery PutLogEvents in batches
                                  └── outcome            the answers and REPORT lines AWS gives
    code_folders     /var/task and /opt of a version
    variables        what a function may see of the environment
    in_function/     the only code of ours that runs inside a function's process
"""
