"""Read lists with the client that openapi-python-client generated, and print the number of records of each.

The arguments are the address of the service, an API key, and the modules of the lists:
`recipe_runs.list_recipe_runs`, for example.
"""

import inspect
import sys
from importlib import import_module

address, key, *modules = sys.argv[1:]
package = import_module("pangeo_forge_api_client")
client = package.AuthenticatedClient(
    address, key, prefix="", auth_header_name="X-API-Key", raise_on_unexpected_status=True
)
for name in modules:
    read = import_module(f"pangeo_forge_api_client.api.{name}").sync
    # `id`, or `id_path` beside a filter. In the example catalogue, 7 is the id of a dataset.
    number = 7 if name.startswith("dataset") else 1
    in_path = [number] if "id" in next(iter(inspect.signature(read).parameters)) else []
    records = read(*in_path, client=client)
    print(name, len([record.to_dict() for record in records]))
