"""The floor behind Flask, and nothing else of what a service needs: as near to the floor as one of Flask's can come."""

import orjson
from flask import Flask, Response, request

from benchmarks.floor import TIMES, VIEWS

application = Flask(__name__)


@application.route("/<noun>/", defaults={"rest": ""}, methods=["GET", "POST"])
@application.route("/<noun>/<rest>")
def answer(noun, rest):
    body = orjson.dumps(VIEWS[request.method, noun, rest != ""](request.environ, rest), option=TIMES)
    return Response(body, 200 if request.method == "GET" else 201, mimetype="application/json")
