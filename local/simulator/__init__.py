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
| `messages` | the messages of a synchronous call |
| `tasks` | tasks and their results |
| `task_list` | the task list |
| `uploads` | temporary storage for local files |
| `synchronous` | replies of synchronous models |
| `frames` | JSON bodies and event streams |
| `transcriber` | downloads a file and runs its recognition |
| `recognition` | decoding and recognition |
| `speakers` | tells speakers apart |
| `results` | result documents of each model family |
| `word_filter` | replaces and removes words |
| `usage` | used seconds and tokens |
| `scenario` | what tests configure: scripted answers, faults and limits |
| `connection` | closes connections without a response |
"""
