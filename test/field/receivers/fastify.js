import Fastify from 'fastify';

const app = Fastify();
app.post('/', ({ query, body }, reply) => {
  if (query.validationToken !== undefined) return reply.type('text/plain').send(query.validationToken);
  console.log(JSON.stringify(body));
  return reply.code(202).send();
});
await app.listen({ host: '127.0.0.1', port: 0 });
console.log(JSON.stringify(app.server.address()));
