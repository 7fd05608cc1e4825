"""A simulator of DashScope: the vendor's HTTP API with real downloads, decoding and recognition.

Start it with `python -m local.simulator --port 8080`. The official SDK uses it with
`DASHSCOPE_HTTP_BASE_URL=http://127.0.0.1:8080/api/v1`, OpenAI's SDK with the base URL
`http://127.0.0.1:8080/compatible-mode/v1`.

| module | role |
|---|---|
| `server` | the HTTP endpoints |
| `errors` | error bodies |
| `checks` | refuses the submissions that the vendor refuses |
| `calls` | parses and checks synchronous calls |
| `tasks` | tasks and their results |
| `synchronous` | replies of synchronous models |
| `frames` | JSON bodies and event streams |
| `transcriber` | downloads a file and runs its recognition |
| `recognition` | decoding and recognition |
| `results` | result documents of each model family |
| `scenario` | what tests configure: scripted answers, faults and limits |
| `connection` | closes connections without a response |
"""
