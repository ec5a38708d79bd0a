--
-- shop_attach.sql
--
-- Everything rde is told about the sample shop.  Run it where the extension is
-- installed and its functions are in the search path, as a superuser or as a
-- role that has the rights of shop_owner.
--

-- The data sets that come with the extension.  The shop's views spell the
-- columns as the data sets do (case does not matter), so that only the parts
-- some columns play need to be named.
SELECT rde_attach('provisioned_orders', 'shop.provisioned_orders',
                  reseller => 'reseller_account_id',
                  period => 'changed_at',
                  key => '{order_item_id}',
                  amount => 'customer_detail_total',
                  currency => 'customer_account_currency',
                  invoice => 'invoice_id');

SELECT rde_attach('payments', 'shop.payments',
                  reseller => 'reseller_account_id',
                  period => 'changed_at',
                  key => '{payment_id}',
                  amount => 'customer_payment_total',
                  currency => 'customer_payment_currency_id');

-- A data set of one's own: register it, say where its rows come from, give it a
-- cmp view.  "columns" gives the source's columns the names by which report
-- views ask for them, so that another source can take this one's place.
SELECT rde_create_dataset('invoices', 'Invoices');
SELECT rde_attach('invoices', 'shop.invoices',
                  reseller => 'reseller_id',
                  period => 'changed_at',
                  key => '{invoice_id}',
                  amount => 'total',
                  currency => 'currency',
                  invoice => 'invoice_id',
                  mapping => '{"INVOICE_NUMBER": "number", "INVOICE_DATE": "issued_on", "INVOICE_DUE_DATE": "due_on",
                               "INVOICE_TOTAL": "total", "INVOICE_CURRENCY": "currency", "INVOICE_STATUS": "status",
                               "CUSTOMER_ACCOUNT_ID": "customer_id", "CUSTOMER_ORDER_NUMBER": "order_number"}');
SELECT rde_create_view('invoices', 'cmp', '[
    {"column": "INVOICE_ID", "as": "invoiceId", "group": "Invoice", "description": "The invoice ID."},
    {"column": "INVOICE_NUMBER", "as": "invoiceNumber", "group": "Invoice", "description": "The number of the document."},
    {"column": "INVOICE_DATE", "as": "invoiceDate", "group": "Invoice", "description": "The day it was issued."},
    {"column": "INVOICE_DUE_DATE", "as": "dueDate", "group": "Invoice", "description": "The day it is to be paid by."},
    {"column": "INVOICE_TOTAL", "as": "invoiceTotal", "group": "Invoice", "description": "The total in its currency."},
    {"column": "INVOICE_CURRENCY", "as": "invoiceCurrency", "group": "Invoice", "description": "The currency code."},
    {"column": "INVOICE_STATUS", "as": "invoiceStatus", "group": "Invoice", "description": "Draft, Issued, Paid or Overdue."},
    {"column": "CUSTOMER_ORDER_NUMBER", "as": "orderNumber", "group": "Order", "description": "The order it is for."},
    {"column": "CUSTOMER_ACCOUNT_ID", "as": "customerId", "group": "Customer", "description": "The customer ID."},
    {"column": "CUSTOMER_NAME", "as": "customerName", "group": "Customer", "description": "The customer''s name."}
]');

-- An attribute and a locale become columns, a date becomes Unix seconds.
SELECT rde_create_dataset('subscriptions', 'Subscriptions');
SELECT rde_attach('subscriptions', 'shop.subscriptions',
                  reseller => 'reseller_id',
                  period => 'changed_at',
                  key => '{subscription_id}');
SELECT rde_create_view('subscriptions', 'cmp', '[
    {"column": "SUBSCRIPTION_ID", "as": "subscriptionId", "group": "Subscription", "description": "The subscription ID."},
    {"column": "NAME", "as": "subscriptionName", "group": "Subscription", "description": "The subscription''s name."},
    {"column": "STATUS", "as": "subscriptionStatus", "group": "Subscription", "description": "Its status: Active, Trial and others."},
    {"column": "START_DATE", "as": "provisioningDate", "group": "Subscription", "description": "The day it was provisioned."},
    {"column": "EXPIRATION_DATE", "type": "unix", "as": "expiresAt", "group": "Subscription", "description": "When it expires, in Unix seconds."},
    {"column": "BILLING_PERIOD_TYPE", "as": "billingPeriodType", "group": "Subscription", "description": "The unit of its billing period."},
    {"column": "BILLING_PERIOD", "as": "billingPeriodDuration", "group": "Subscription", "description": "The number of these units."},
    {"column": "VENDOR_NUMBER", "as": "vendorSubscriptionNumber", "group": "Subscription", "description": "The vendor''s number of it."},
    {"column": "ATTRIBUTES", "attribute": "domain", "as": "domain", "group": "Subscription", "description": "The attribute \"domain\"."},
    {"column": "PRODUCT_ID", "as": "productId", "group": "Product", "description": "The product ID."},
    {"column": "PRODUCT_NAME", "locale": "en", "as": "productName", "group": "Product", "description": "The product''s English name."},
    {"column": "CUSTOMER_ID", "as": "customerId", "group": "Customer", "description": "The customer ID."},
    {"column": "CUSTOMER_NAME", "as": "customerName", "group": "Customer", "description": "The customer''s name."}
]');

-- What must never be in a report is left out of "expose": the shop's notes on
-- its accounts are not in the full view and no view can ask for them.
SELECT rde_create_dataset('accounts', 'Accounts');
SELECT rde_attach('accounts', 'shop.accounts',
                  reseller => 'reseller_id',
                  period => 'changed_at',
                  key => '{account_id}',
                  mapping => '{"ACCOUNT_NAME": "name", "ACCOUNT_CURRENCY": "currency", "ACCOUNT_TYPE": "kind",
                               "CREATION_TIME": "created_at"}',
                  expose => '{account_id,reseller_id,kind,level,name,currency,attributes,contact_name,contact_email,contact_phone,created_at,changed_at}');
SELECT rde_create_view('accounts', 'cmp', '[
    {"column": "ACCOUNT_ID", "as": "accountId", "group": "Account", "description": "The account ID."},
    {"column": "ACCOUNT_NAME", "as": "accountName", "group": "Account", "description": "A company''s name or a person''s."},
    {"column": "ACCOUNT_TYPE", "as": "accountType", "group": "Account", "description": "reseller or customer."},
    {"column": "ACCOUNT_CURRENCY", "as": "accountCurrency", "group": "Account", "description": "The currency it is billed in."},
    {"column": "ATTRIBUTES", "attribute": "TaxId", "as": "taxId", "group": "Account", "description": "The attribute \"TaxId\"."},
    {"column": "CREATION_TIME", "as": "creationTime", "group": "Account", "description": "When it was opened."},
    {"column": "CONTACT_NAME", "as": "billingContactName", "group": "Billing contact", "description": "The contact''s name."},
    {"column": "CONTACT_EMAIL", "as": "billingContactEmail", "group": "Billing contact", "description": "The contact''s email address."},
    {"column": "CONTACT_PHONE", "as": "billingContactPhoneNumber", "group": "Billing contact", "description": "The contact''s phone number."}
]');
