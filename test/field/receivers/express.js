import express from 'express';

const app = express();
app.use(express.json());
app.post('/', ({ query, body }, response) => {
  if (query.validationToken !== undefined) return response.type('text/plain').send(query.validationToken);
  console.log(JSON.stringify(body));
  return response.sendStatus(202);
});
const server = app.listen(0, '127.0.0.1', () => console.log(JSON.stringify(server.address())));
