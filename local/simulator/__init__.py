"""A DashScope of our own: the vendor's HTTP interface over real downloads, real decoding and real recognition.

`python -m local.simulator --port 8080` starts it; the official SDK works against it with
`DASHSCOPE_HTTP_BASE_URL=http://127.0.0.1:8080/api/v1`, OpenAI's with the base URL
`http://127.0.0.1:8080/compatible-mode/v1`.

`server` is the HTTP side and `errors` its error bodies. `checks` refuses what the vendor refuses; `calls` reads the
requests of synchronous models. `tasks` is a task's life, `synchronous` the models that answer at once, `frames` how
their answers travel. `listening` brings a file to `recognition`, `results` writes what was heard as each family does.
`play` is what tests make it do (answers by script, faults on request), `connection` cuts connections.
"""
