--
-- view.sql
--
-- What the benchmark reports from: the join of orders and customers.  The psql variable
-- "reseller" says which of their columns tells whose a row is.
--

CREATE OR REPLACE VIEW bench.provisioned_orders AS
SELECT :reseller AS reseller_account_id, o.changed_at, o.order_item_id,
       c.customer_id AS customer_account_id, c.name AS customer_name, c.currency AS customer_account_currency,
       c.billing_name AS customer_billing_contact_name, c.billing_email AS customer_billing_contact_email,
       c.billing_phone AS customer_billing_contact_phone,
       c.admin_name AS customer_admin_contact_name, c.admin_email AS customer_admin_contact_email,
       c.admin_phone AS customer_admin_contact_phone,
       c.tech_name AS customer_tech_contact_name, c.tech_email AS customer_tech_contact_email,
       c.tech_phone AS customer_tech_contact_phone,
       o.plan_id AS customer_plan_id, o.resource_id AS customer_resource_id, o.resource_name AS customer_resource_name,
       o.order_id AS customer_order_id, o.order_number AS customer_order_number, o.order_date AS customer_order_date,
       o.order_total AS customer_order_total, o.attributes AS customer_order_attributes,
       o.subscription_id, o.status AS subscription_status, o.start_date AS subscription_start_date,
       o.exp_date AS subscription_exp_date, o.billing_period_type AS subscription_billing_period_type,
       o.billing_period AS subscription_billing_period
FROM bench.orders o
JOIN bench.customers c USING (customer_id);
