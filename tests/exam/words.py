"""What programs of many languages write when they start, go on, miss a variable, cannot use one, or crash."""

from __future__ import annotations

STARTED = {
    "go": '{"severity":"info","timestamp":"{time}","message":"starting server at :%d"}',
    "node": '{"level":30,"time":"{time}","msg":"server listening on %d"}',
    "python": '{"timestamp": "{time}", "severity": "INFO", "name": "server", "message": "listening on port: %d"}',
    "java": "{time}  INFO 1 --- [           main] o.s.b.w.embedded.tomcat.TomcatWebServer  : Tomcat started on port(s): %d (http)",
    "csharp": "info: Microsoft.Hosting.Lifetime[14]\n      Now listening on: http://[::]:%d",
    "ruby": "* Listening on http://0.0.0.0:%d",
    "nginx": "{time} [notice] 1#1: start worker processes (port %d)",
    "redis": "1:M {time} * Ready to accept connections tcp (port %d)",
    "postgres": '{time} UTC [1] LOG:  listening on IPv4 address "0.0.0.0", port %d',
    "mysql": "{time} 0 [System] [MY-010931] [Server] /usr/sbin/mysqld: ready for connections. port: %d",
    "mongo": '{"t":{"$date":"{time}"},"s":"I","c":"NETWORK","msg":"Waiting for connections","attr":{"port":%d}}',
    "rabbitmq": "{time} [info] <0.600.0> started TCP listener on [::]:%d",
}
STEADY = {
    "node": '{"level":30,"time":"{time}","msg":"GET / 200 12ms"}',
    "nginx": '10.244.1.1 - - [{time}] "GET / HTTP/1.1" 200 612 "-" "kube-probe/1.33"',
    "ruby": '10.244.1.1 - - [{time}] "GET /healthz HTTP/1.1" 200 - 0.0006',
    "csharp": "info: Basket.Service[0]\n      {time} GetCart called",
    "mysql": "",
}
MISSING = {
    "go": "panic: environment variable {name} not set\n\ngoroutine 1 [running]:\nmain.mustMapEnv(...)\n\t/src/main.go:213",
    "node": "/usr/src/app/config.js:12\n    throw new Error('Missing required environment variable {name}')\n    ^\n\nError: Missing required environment variable {name}\n    at Object.<anonymous> (/usr/src/app/config.js:12:11)",
    "python": "Traceback (most recent call last):\n  File \"/app/server.py\", line 141, in <module>\n    port = os.environ['{name}']\n  File \"<frozen os>\", line 685, in __getitem__\nKeyError: '{name}'",
    "java": "{time} ERROR 1 --- [           main] o.s.boot.SpringApplication               : Application run failed\n\njava.lang.IllegalArgumentException: Could not resolve placeholder '{name}' in value \"${{name}}\"",
    "csharp": "Unhandled exception. System.InvalidOperationException: Environment variable {name} is not set.\n   at Program.<Main>$(String[] args) in /app/Program.cs:line 14",
    "ruby": '/app/app.rb:9:in `fetch\': key not found: "{name}" (KeyError)',
}
INVALID = {
    "go": 'panic: strconv.Atoi: parsing "{value}": invalid syntax\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:88 +0x2a5',
    "node": 'TypeError: Invalid value for {name}: "{value}" is not a number\n    at parse (/usr/src/app/config.js:31:9)',
    "python": "Traceback (most recent call last):\n  File \"/app/server.py\", line 150, in <module>\n    workers = int(os.environ['{name}'])\nValueError: invalid literal for int() with base 10: '{value}'",
    "java": '***************************\nAPPLICATION FAILED TO START\n***************************\n\nDescription:\n\nFailed to bind properties: {name}\n\nReason: failed to convert java.lang.String to int (caused by java.lang.NumberFormatException: For input string: "{value}")',
    "csharp": "Unhandled exception. System.FormatException: The input string '{value}' was not in a correct format.\n   at System.Number.ThrowFormatException[TChar](ReadOnlySpan`1 value)\n   at Program.<Main>$(String[] args) in /app/Program.cs:line 22",
    "ruby": '/app/app.rb:11:in `Integer\': invalid value for Integer(): "{value}" (ArgumentError)',
}
CRASH = {
    "go": "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x6f2a15]\n\ngoroutine 1 [running]:\nmain.(*server).load(...)\n\t/src/load.go:61",
    "node": "/usr/src/app/routes.js:44\n  return items.map((item) => item.total.value)\n               ^\n\nTypeError: Cannot read properties of undefined (reading 'map')\n    at totals (/usr/src/app/routes.js:44:16)\n\nNode.js v20.11.1",
    "python": 'Traceback (most recent call last):\n  File "/app/server.py", line 77, in <module>\n    main()\n  File "/app/server.py", line 61, in main\n    model = load(rows[0])\nIndexError: list index out of range',
    "java": '{time} ERROR 1 --- [           main] o.s.boot.SpringApplication               : Application run failed\n\njava.lang.NullPointerException: Cannot invoke "com.acme.Plan.slots()" because "plan" is null\n\tat com.acme.Warmup.run(Warmup.java:48)',
    "csharp": "Unhandled exception. System.NullReferenceException: Object reference not set to an instance of an object.\n   at Basket.Startup.Warm() in /app/Startup.cs:line 37",
    "ruby": "/app/app.rb:52:in `warm': undefined method `each' for nil:NilClass (NoMethodError)",
}
