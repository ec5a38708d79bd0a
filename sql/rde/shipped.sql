---------------------------------------------------------------------------
-- Shipped data
---------------------------------------------------------------------------

INSERT INTO @extschema@._rde_dataset (name, title, shipped) VALUES
    ('provisioned_orders', 'Provisioned Orders', true),
    ('payments', 'Payments', true);

INSERT INTO @extschema@._rde_view (id, dataset, name, shipped) VALUES
    (1, 'provisioned_orders', 'cmp', true),
    (2, 'payments', 'cmp', true);

INSERT INTO @extschema@._rde_view_column
    (view, position, alias, column_name, transform, expected, field_group, description, shipped)
SELECT c.view, row_number() OVER (PARTITION BY c.view ORDER BY c.n), c.alias, c.column_name, c.transform,
       c.expected, c.field_group, c.description, true
FROM (
    SELECT 1, f.* FROM (VALUES
        (31, 'planId', 'CUSTOMER_PLAN_ID', NULL, 'integer', 'Subscribed Product', 'The offer ID.'),
        (32, 'productId', 'CUSTOMER_RESOURCE_ID', NULL, 'integer', 'Subscribed Product', 'The product ID.'),
        (33, 'productName', 'CUSTOMER_RESOURCE_NAME', 'multilingual', 'text', 'Subscribed Product', 'The product name in the multilingual format.'),
        (41, 'orderId', 'CUSTOMER_ORDER_ID', NULL, 'integer', 'Order', 'The ID assigned to the order by the platform.'),
        (42, 'orderNumber', 'CUSTOMER_ORDER_NUMBER', NULL, 'text', 'Order', 'The number assigned to the order by the platform according to the reseller''s own order numbering rule.'),
        (43, 'orderCreationDate', 'CUSTOMER_ORDER_DATE', NULL, 'date', 'Order', 'The order creation date.'),
        (44, 'orderTotal', 'CUSTOMER_ORDER_TOTAL', NULL, 'numeric', 'Order', 'The order''s total in the customer''s currency.'),
        (45, 'orderAttributes', 'CUSTOMER_ORDER_ATTRIBUTES', NULL, 'json', 'Order', 'A list of the order''s custom attributes, including PONumber.'),
        (51, 'subscriptionId', 'SUBSCRIPTION_ID', NULL, 'integer', 'Subscription', 'The subscription ID.'),
        (52, 'subscriptionStatus', 'SUBSCRIPTION_STATUS', NULL, 'text', 'Subscription', 'The subscription status: Ordered, Trial, Active, Graced, Expired, Terminated, Canceled and others.'),
        (53, 'provisioningDate', 'SUBSCRIPTION_START_DATE', NULL, 'date', 'Subscription', 'The subscription provisioning date.'),
        (54, 'expirationDate', 'SUBSCRIPTION_EXP_DATE', NULL, 'date', 'Subscription', 'The date when the subscription expires.'),
        (55, 'billingPeriodType', 'SUBSCRIPTION_BILLING_PERIOD_TYPE', NULL, 'text', 'Subscription', 'The unit of length of the subscription billing period.'),
        (56, 'billingPeriodDuration', 'SUBSCRIPTION_BILLING_PERIOD', NULL, 'integer', 'Subscription', 'The duration of the subscription''s billing period as a number of the billing period units.')
    ) f
    UNION ALL
    SELECT 2, f.* FROM (VALUES
        (1, 'paymentNumber', 'CUSTOMER_PAYMENT_DOCUMENT_NUMBER', NULL, 'text', 'Payment', 'The number assigned to the payment document in the platform.'),
        (2, 'paymentDate', 'CUSTOMER_PAYMENT_DOCUMENT_DATE', 'unix_date', 'unix', 'Payment', 'The payment creation date (midnight in the report''s time zone) in the Unix timestamp format.'),
        (3, 'paymentType', 'CUSTOMER_PAYMENT_DOCUMENT_TYPE', NULL, 'text', 'Payment', 'The document type, for example: Payment, Check, or Void.'),
        (4, 'paymentStatus', 'CUSTOMER_PAYMENT_STATUS', NULL, 'text', 'Payment', 'The payment status, for example: Hold, Open, or Closed.'),
        (5, 'paymentTotal', 'CUSTOMER_PAYMENT_TOTAL', NULL, 'numeric', 'Payment', 'The payment total.'),
        (6, 'paymentCurrency', 'CUSTOMER_PAYMENT_CURRENCY_ID', NULL, 'text', 'Payment', 'The payment''s currency code.'),
        (7, 'paymentReferenceNumber', 'CUSTOMER_PAYMENT_REFERENCE_NUMBER', NULL, 'text', 'Payment', 'The reference number of the last online transaction performed to process an online payment.'),
        (8, 'paymentAuthCode', 'CUSTOMER_PAYMENT_AUTH_CODE', NULL, 'text', 'Payment', 'The authentication code of the respective transaction for this payment.')
    ) f
    UNION ALL
    SELECT v.id, f.* FROM (VALUES (1), (2)) v(id) CROSS JOIN (VALUES
        (11, 'customerId', 'CUSTOMER_ACCOUNT_ID', NULL, 'integer', 'Customer', 'The customer ID.'),
        (12, 'customerName', 'CUSTOMER_NAME', NULL, 'text', 'Customer', 'The customer''s name (company''s name or personal name).'),
        (13, 'customerCurrency', 'CUSTOMER_ACCOUNT_CURRENCY', NULL, 'text', 'Customer', 'The customer''s currency, in which all monetary values are denominated.'),
        (14, 'billingContactName', 'CUSTOMER_BILLING_CONTACT_NAME', NULL, 'text', 'Customer', 'The name of the billing contact person.'),
        (15, 'billingContactEmail', 'CUSTOMER_BILLING_CONTACT_EMAIL', NULL, 'text', 'Customer', 'The email address of the billing contact.'),
        (16, 'billingContactPhoneNumber', 'CUSTOMER_BILLING_CONTACT_PHONE', NULL, 'text', 'Customer', 'The phone number of the billing contact.'),
        (17, 'adminContactName', 'CUSTOMER_ADMIN_CONTACT_NAME', NULL, 'text', 'Customer', 'The name of the administrative contact person.'),
        (18, 'adminContactEmail', 'CUSTOMER_ADMIN_CONTACT_EMAIL', NULL, 'text', 'Customer', 'The email address of the administrative contact.'),
        (19, 'adminContactPhoneNumber', 'CUSTOMER_ADMIN_CONTACT_PHONE', NULL, 'text', 'Customer', 'The phone number of the administrative contact.'),
        (20, 'technicalContactName', 'CUSTOMER_TECH_CONTACT_NAME', NULL, 'text', 'Customer', 'The name of the technical contact person.'),
        (21, 'technicalContactEmail', 'CUSTOMER_TECH_CONTACT_EMAIL', NULL, 'text', 'Customer', 'The email address of the technical contact.'),
        (22, 'technicalContactPhoneNumber', 'CUSTOMER_TECH_CONTACT_PHONE', NULL, 'text', 'Customer', 'The phone number of the technical contact.')
    ) f
) c(view, n, alias, column_name, transform, expected, field_group, description);

