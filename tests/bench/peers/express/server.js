// The usual hand-written receiver on Express: check the HMAC over the raw body, publish it persistent to RabbitMQ, and
// answer 200 once the broker has confirmed it. Written to be as fast as that can be without being clever.
//
//   BROKER=amqp://… CONNECT_KEY=… node server.js      prints "listening on 127.0.0.1:PORT"
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import amqp from 'amqplib/callback_api';
import express from 'express';

const { BROKER, CONNECT_KEY } = process.env;

function isSigned(body, signature = '') {
  const wanted = createHmac('sha256', CONNECT_KEY).update(body).digest();
  const given = Buffer.from(signature, 'base64');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

// Without noDelay small frames wait for the broker's acknowledgement: 40 ms an answer at low load.
amqp.connect(BROKER, { noDelay: true }, (failed, connection) => {
  if (failed) throw failed;
  connection.createConfirmChannel((failed, channel) => {
    if (failed) throw failed;
    const app = express();
    app.disable('x-powered-by');
    app.disable('etag');
    app.post('/connect', express.raw({ type: () => true, limit: '32mb' }), (request, response) => {
      if (!isSigned(request.body, request.get('x-docusign-signature-1'))) {
        response.status(401).end();
        return;
      }
      const account = request.get('x-docusign-accountid');
      const options = { persistent: true, messageId: randomUUID(), contentType: request.get('content-type') };
      channel.publish('countersign', `signing_request.event.${account}`, request.body, options, (refused) => {
        response.status(refused ? 503 : 200).json({ taken: !refused });
      });
    });
    const server = app.listen(0, '127.0.0.1', () => {
      console.log(`listening on 127.0.0.1:${server.address().port}`);
    });
  });
});
