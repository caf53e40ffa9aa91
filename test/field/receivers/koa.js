import { bodyParser } from '@koa/bodyparser';
import Koa from 'koa';

const app = new Koa();
app.use(bodyParser());
app.use((context) => {
  const { validationToken } = context.query;
  if (validationToken !== undefined) {
    context.type = 'text/plain';
    context.body = validationToken;
    return;
  }
  console.log(JSON.stringify(context.request.body));
  context.status = 202;
});
const server = app.listen(0, '127.0.0.1', () => console.log(JSON.stringify(server.address())));
