import assert from "node:assert/strict";
import { differingParts, isMeant, mayBeSent, requestText, SampleRoutes, type Answer } from "../../migration/answers";
import { type ConfigurationDocument } from "../../migration/configurationWalk";

const ANSWER: Answer = { status: 200, headers: { "content-type": "application/json" }, body: '{"a":1,"b":[2]}' };
const partsOf = (more: Partial<Answer>): readonly string[] =>
  differingParts(ANSWER, { ...ANSWER, ...more }).map(({ part }) => part);

describe("two answers to one request", () => {
  const cases: readonly (readonly [string, Partial<Answer>, readonly string[]])[] = [
    ["the same", {}, []],
    ["another status", { status: 404 }, ["status"]],
    ["another type of content", { headers: { "content-type": "text/html" } }, ["header content-type"]],
    ["a header that B lacks", { headers: {} }, ["header content-type"]],
    ["a header that only B has", { headers: { ...ANSWER.headers, "x-served-for": "loyalty" } }, ["header x-served-for"]],
    ["headers of the moment", { headers: { ...ANSWER.headers, date: "x", age: "3", "x-ratelimit-remaining": "7", "x-apisix-upstream-status": "200" } }, []],
    ["another value in the body", { body: '{"a":2,"b":[2]}' }, ["body a"]],
    ["a field that B lacks", { body: '{"a":1,"b":[]}' }, ["body b[0]"]],
    ["another order of fields", { body: '{"b": [2], "a": 1}' }, []],
    ["a body that is no JSON", { body: "<html>" }, ["body"]],
  ]; // prettier-ignore
  for (const [what, more, parts] of cases) it(`tells ${what}`, () => assert.deepEqual(partsOf(more), parts));

  it("never shows bodies or sessions", () => {
    const session = (value: string): Answer => ({ ...ANSWER, headers: { "set-cookie": value } });
    assert.deepEqual(differingParts(session("a=geheim"), session("a=anders")), []);
    const found = differingParts(session("a=geheim"), { ...ANSWER, headers: {}, body: '{"a":"geheim"}' });
    assert.deepEqual(
      found.map(({ part }) => part),
      ["header set-cookie", "body a", "body b[0]"],
    );
    assert.doesNotMatch(JSON.stringify(found), /geheim/);
  });

  it("knows what is meant: everywhere, of some requests, and a whole body", () => {
    const reason = "meant";
    const differences = [
      { part: "header X-Served-By", reason },
      { request: "GET shop.example.com/time*", part: "body now", reason },
      { request: "GET shop.example.com/raw", part: "body", reason },
    ];
    const meant = (request: string, part: string): boolean => isMeant(request, part, differences) !== undefined;
    assert.ok(meant("GET any/", "header x-served-by") && meant("GET shop.example.com/time/1", "body now"));
    assert.ok(meant("GET shop.example.com/raw", "body x.y"));
    assert.ok(!meant("GET shop.example.com/x", "body now") && !meant("GET any/", "status"));
  });
});

describe("requests that are tried", () => {
  const key = (path: string, value: unknown): ConfigurationDocument => ({
    object: `key /gateway_groups/default/${path}`,
    value,
  });
  function sample(documents: readonly ConfigurationDocument[], maximum = 10): readonly string[] {
    const routes = new SampleRoutes();
    for (const document of documents) routes.add(document);
    return routes.list(maximum).map(requestText);
  }
  const SERVICE = key("services/s1", { id: "s1", hosts: ["shop.example.com"] });

  it("are whole paths of whole hosts, by methods that change nothing", () => {
    const documents = [
      SERVICE,
      key("services/s2", { id: "s2", hosts: ["*.example.com"] }),
      key("routes/1", { id: "1", service_id: "s1", uris: ["/orders/*", "/orders"], methods: ["POST", "GET"] }),
      key("routes/2", { id: "2", service_id: "s1", uris: ["/write"], methods: ["POST"] }),
      key("routes/3", { id: "3", service_id: "s1", uris: ["/:id"] }),
      key("routes/4", { id: "4", service_id: "s2", uris: ["/anywhere"] }),
      key("routes/5", { id: "5", uri: "/own", host: "own.example.com", methods: ["HEAD"] }),
      key("routes/6", { id: "6", service_id: "s1", uris: ["/socket"], enable_websocket: true }),
      key("routes/7", { id: "7", service_id: "s1", uris: ["/off"], status: 0 }),
    ];
    assert.deepEqual(sample(documents), ["HEAD own.example.com/own", "GET shop.example.com/orders"]);
  });

  it("are what is published, where anything is", () => {
    const draft = { object: "route draft (9)", value: { id: "9", hosts: ["a.example.com"], paths: ["/draft"] } };
    assert.deepEqual(sample([draft]), ["GET a.example.com/draft"]);
    assert.deepEqual(sample([draft, SERVICE, key("routes/1", { id: "1", service_id: "s1", uris: ["/x"] })]), [
      "GET shop.example.com/x",
    ]);
  });

  it("are spread over the services, and no more than asked for", () => {
    const documents = ["s1", "s2"].flatMap((id) => [
      key(`services/${id}`, { id, hosts: [`${id}.example.com`] }),
      ...["a", "b", "c"].map((path) =>
        key(`routes/${id}${path}`, { id: `${id}${path}`, service_id: id, uris: [`/${path}`] }),
      ),
    ]);
    assert.deepEqual(sample(documents, 3), ["GET s1.example.com/a", "GET s2.example.com/a", "GET s1.example.com/b"]);
    assert.deepEqual(sample(documents, 0), []);
  });

  it("are sent only when they change nothing, or may be carried out twice", () => {
    const request = { host: "h", path: "/", headers: {}, replayable: false };
    for (const method of ["GET", "head", "OPTIONS"]) assert.ok(mayBeSent({ ...request, method }));
    for (const method of ["POST", "DELETE"]) {
      assert.ok(!mayBeSent({ ...request, method }));
      assert.ok(mayBeSent({ ...request, method, replayable: true }));
    }
    assert.equal(requestText({ ...request, method: "GET", path: "/x?token=geheim" }), "GET h/x");
  });
});
