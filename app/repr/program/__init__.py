"""The program that opens datasets, in a process without secrets. `app.repr.opener` and `app.repr.inspector` run it.

It imports no module of the service and inherits no environment variable. It only connects to public addresses, also
after redirects and for references to other objects. The only exception is the host of the url if it is trusted.
"""
