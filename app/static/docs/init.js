// Starts Swagger UI with the OpenAPI document of the page, in the colours that the visitor prefers.
const element = document.getElementById("swagger-ui");
const dark = matchMedia("(prefers-color-scheme: dark)");

function setColours() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

// Optional parameters open empty, because the examples of all filters together match no record. On a visitor's own
// machine, the dataset to show is one of this service, which needs no other host.
function chooseValues(specification) {
  for (const [path, operations] of Object.entries(specification.paths)) {
    for (const part of [operations, ...Object.values(operations)]) {
      for (const parameter of part.parameters ?? []) {
        if (!parameter.required) delete parameter.example;
        if (path.startsWith("/repr/") && parameter.required && isLocal()) {
          parameter.example = new URL(element.dataset.example, location).href;
        }
      }
    }
  }
  return specification;
}

function isLocal() {
  return ["127.0.0.1", "localhost"].includes(location.hostname);
}

async function start() {
  const answer = await fetch(element.dataset.url);
  SwaggerUIBundle({
    domNode: element,
    spec: chooseValues(await answer.json()),
    deepLinking: true,
    defaultModelsExpandDepth: 0,
    persistAuthorization: false,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
}

setColours();
dark.addEventListener("change", setColours);
start();
