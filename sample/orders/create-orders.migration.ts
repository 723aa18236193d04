// The shop's own table, next to those of the queue and in the same database: that is what lets
// an order and its job share a transaction.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateOrders1795500000000 implements MigrationInterface {
  // TypeORM records this name; a property keeps it whatever a bundler does to the class.
  readonly name = 'CreateOrders1795500000000';

  async up(runner: QueryRunner): Promise<void> {
    // The shipped orders bring their own numbers, all below this one.
    await runner.query(`CREATE SEQUENCE "order_numbers" AS integer START WITH 30001`);
    await runner.query(`
      CREATE TABLE "orders" (
        "id" uuid NOT NULL,
        "number" integer NOT NULL DEFAULT nextval('order_numbers'),
        "customer" jsonb NOT NULL,
        "lines" jsonb NOT NULL,
        "placed_at" timestamptz NOT NULL DEFAULT now(),
        "render_job_id" uuid,
        "invoiced_at" timestamptz,
        "mail_job_id" uuid,
        "mailed_at" timestamptz,
        CONSTRAINT "PK_710e2d4957aa5878dfe94e4ac2f" PRIMARY KEY ("id"),
        CONSTRAINT "UQ_8981ee22c8dfbeecd0f2b5ab5d8" UNIQUE ("number")
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE "orders"`);
    await runner.query(`DROP SEQUENCE "order_numbers"`);
  }
}
