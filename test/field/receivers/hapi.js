import Hapi from '@hapi/hapi';

const server = Hapi.server({ host: '127.0.0.1', port: 0 });
server.route({
  method: 'POST',
  path: '/',
  handler({ query, payload }, h) {
    if (query.validationToken !== undefined) return h.response(query.validationToken).type('text/plain');
    console.log(JSON.stringify(payload));
    return h.response().code(202);
  },
});
await server.start();
console.log(JSON.stringify(server.info));
