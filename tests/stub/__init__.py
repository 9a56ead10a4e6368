"""A provider of our own for tests: OpenAI's and Anthropic's shapes, plain and streamed, with faults.

What it does is told by request headers, which pass every gateway: `x-stub-fault` (400, 401, 403, 404,
429, 500, 529, slow, cut, close, in-stream), `x-stub-times` (the fault happens to the first so many
requests of one `x-stub-id`), `x-stub-encoding` (gzip, deflate, br, zstd), `x-stub-usage` (JSON laid
over the usage object), `x-stub-words`, `x-stub-delay` (seconds between chunks). `GET /__stub/requests`
and `/__stub/served` tell what it saw and what it served; `POST /__stub/reset` forgets.
"""
